// Package programs names the programs of a tailnet of one's own, so that go.mod pins them.
package programs

import (
	_ "github.com/juanfont/headscale/cmd/headscale"
	_ "tailscale.com/cmd/tailscale"
	_ "tailscale.com/cmd/tailscaled"
)
