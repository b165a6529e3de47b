"""A real OpenID provider (allauth's own, on oauthlib) in a process of its own, for single sign-on."""
