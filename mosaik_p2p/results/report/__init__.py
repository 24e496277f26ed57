"""What people read: terminal, sentences, figures and the page."""
