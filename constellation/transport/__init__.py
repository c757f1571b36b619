"""The decisions of the authenticated actor transport: addresses, frames, sessions.  No sockets.

address   ActorRef: a node, and an actor on it
frame     splits a byte stream into length-prefixed frames, with limits
envelope  target, sender and the undecoded message in a frame
session   the handshake of two nodes, then a keyed and numbered code for each frame
"""
