"""Who may: people, roles, permissions, sign-in and the check at the door."""
