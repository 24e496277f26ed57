"""The electric networks that ship."""
