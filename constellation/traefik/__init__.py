"""Traefik's HTTP provider: from the cluster's state to the body that Traefik polls.

From the labels of one instance to its elements:

schema                 Traefik's configuration as data: keys, types, and their versions
label_tree             labels as a tree
label_decode           decodes one element from its labels, by the schema
labels                 everything that the labels of one container define
known_labels           labels that are about no element, and those that are nearly known
router_faults          what is wrong with a whole router
rule                   checks router rules
rule_matchers          the matchers of rules, and which values never match
rule_tokens            the tokens of rules, as Go reads them
go_regexp              checks regular expressions
outside                what labels name outside: other providers, plugins, addresses
known_protocols        recognises databases by their image
elements               elements, and the keys that say who wrote them
rejection              what was left out, and what to do about it
instance_plan          the elements of one instance
plans                  plans, which instances with the same labels share
owners                 whose labels an instance carries
host_names             the part of a service in its host name
hosts_allowed          which services may claim which host names
naming                 names for elements that labels do not name

From the elements of all instances to the body:

places                 how the instances of each node are reached, and whether they get requests
trust                  which addresses a record of another node may lead to
reach                  how one port of an instance is reached
unreachable            why an instance cannot be reached, and what to write instead
elsewhere              how an instance of another node is reached
merging                one name that several instances define
sharing                which instances share a service name of labels
references             references between elements, and which are missing
dependencies           which elements must be composed again when another one changes
contributions          what all instances contribute, by element
routed                 which instances get requests
small                  collections of one item, in little memory
composition            the tables of everything that is composed
work                   the keys that one run of the passes composes again
compose                the passes, in order
service_passes         services with their servers
service_servers        which instances of a service get requests
service_parts          one service as it is in the body
balancers              the servers of one HTTP service
hop_warnings           what the hop cannot carry
hop                    requests that one node's Traefik passes on to another's
middleware_passes      middlewares, and what each service means by a name
router_passes          routers, and the middlewares that all of them share
routers                one router as it is in the body
claims                 which routers take requests for a host from those of another service
claim_passes           warnings about them
document               the canonical encoding of the body, in pieces
chunks                 the elements of one section of it
dynamic_configuration  the body, and what was left out of it

Serving:

provider               builds the body from the cluster, and decides which one Traefik gets
settling               which body to serve while this node does not know the whole cluster yet
last_good              the body that survives a restart
ages                   how long ago the record of each instance changed
rule_match             whether a rule matches requests for a host name
precedence             which routers get the requests for a host name
resolution             from the name of a service in the body to its instances
unserved               healthy instances that get no requests
entry_points           whether an entry point of this node's Traefik answers
own_traefik            whether the Traefik of this node works
candidate              whether this node may hold the lease `lb-leader`
wishes                 labels that ask for a host name in vain
explanation            how a host name or a service is routed, and why not
views                  parts of the body for people
secrecy                hides what may be a secret in what people see

Traefik refuses a whole body for one unknown key or one empty object, and logs that only once.  So
everything is checked before it reaches the body.  What Traefik would refuse is left out alone, and
listed as a `Rejection`.  What Traefik takes is sent; if it will not work as written, it is listed
too, as a warning.
"""
