"""The frame every page shares: layout, navigation, generic views, paging, middleware, health."""
