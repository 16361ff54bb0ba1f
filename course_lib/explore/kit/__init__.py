"""What explorers are made of: controls, panels, the mouse, and the thin widget around them."""
