"""What a reader of GitHub would see: Markdown rendered for real, sanitized, laid out by a browser."""
