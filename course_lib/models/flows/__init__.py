"""Normalizing flows: invertible maps with a known log-determinant, layer by layer.

`transforms` holds the idea; every other file is one kind of layer or what it is made of.
`models.flow` trains flows on points (lesson 10), `models.realnvp` on images (lesson 11).
"""
