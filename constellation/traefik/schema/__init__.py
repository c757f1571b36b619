"""What Traefik's dynamic configuration may hold, as data (Traefik 3.0 to 3.7).

kinds          the kinds of values, and the version that introduced each key
checks         checks of values that Traefik refuses, or takes although they cannot work
addresses      checks of URLs, and of hosts that only one node knows
http           routers and services of HTTP
middlewares    middlewares of HTTP
stream         routers, services and middlewares of TCP and UDP

Keys that labels cannot set in Traefik either are missing: `weighted`, `mirroring`, `failover`,
`serversTransports`, and those of other providers.
"""
