"""The charges of a scenario: its mechanisms put before its networks, and what they post."""
