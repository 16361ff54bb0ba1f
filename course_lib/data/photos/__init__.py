"""Pictures from files: CelebA and a learner's own folder, packed once, then read as one array."""
