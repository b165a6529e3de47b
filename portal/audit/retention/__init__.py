"""How long the trail is kept: archives that verify on their own, purges that the chain vouches for."""
