"""The judges: networks that are shipped and fixed, one of digits, one of drawn faces."""
