"""Lesson 00: exercises on ranges, shapes, sums and means, rounds, bits and nats."""
