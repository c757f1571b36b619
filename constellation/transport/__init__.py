"""What the authenticated actor transport decides: addresses, frames, sessions.  No sockets.

address   ActorRef: which node, which actor on it
frame     length-prefixed frames out of a byte stream, with limits
envelope  target, sender and the undecoded message in a frame
session   the handshake of two nodes, then one keyed and numbered code a frame
"""
