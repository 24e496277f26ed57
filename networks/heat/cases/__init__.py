"""The heat networks that ship."""
