"""The rendered people: identities, clothes, carried objects and poses."""
