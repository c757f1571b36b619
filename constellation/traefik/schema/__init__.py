"""What Traefik's dynamic configuration may hold, as data (Traefik 3.0 to 3.7).

kinds          the kinds of values, and in which version each key came
checks         values that Traefik accepts when it reads them and refuses when it builds them
http           routers and services of HTTP
middlewares    middlewares of HTTP
stream         routers, services and middlewares of TCP and UDP

Keys that labels cannot set in Traefik either (`weighted`, `mirroring`, `failover`,
`serversTransports`, and those of other providers alone) are not here.
"""
