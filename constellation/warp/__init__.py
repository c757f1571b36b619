"""Whether WARP gateways of this host reach the outside, and through WARP.

A gateway is a container through whose network others send their requests.  It is tested from
inside, by a command that Docker runs in it.

label     which services need WARP
gateways  the containers that are gateways, as Docker shows them
commands  the commands that ask for a page, and what they answered
page      Cloudflare's trace page, and services that answer with an address
ranges    the networks from which WARP usually comes
probe     one probe of one gateway, a command at a time
schedule  when to probe
watch     what is published and reported of all gateways
"""
