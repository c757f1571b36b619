module constellation.invalid/tailnet-programs

go 1.25.5

require (
	github.com/juanfont/headscale v0.28.0
	tailscale.com v1.94.1
)
