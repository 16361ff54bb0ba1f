"""Normalizing flows: invertible maps with a known log-determinant, layer by layer.

`transforms` holds the idea, `density` flows in one and two dimensions (lesson 10), `realnvp`
flows on images (lesson 11); every other file is one kind of layer or what it is made of.
"""
