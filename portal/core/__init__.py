"""What all apps share: layout, navigation, forms, permissions, registry, middleware, health."""
