"""What an electric network loses, and to whom it is allocated."""
