"""What both network simulators are made of."""
