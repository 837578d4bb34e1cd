package methods

import (
	"context"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/account"
	"github.com/waystation/waystation/rpc"
)

// RegisterStatus adds the methods of the namespace status.
func RegisterStatus(reg *rpc.Registry, d Deps) {
	onSession(reg, d, rpc.Method{Name: "status.getPrivacy", Summary: "Read who sees status posts.", MaxReply: wideReply},
		func(ctx context.Context, s *bridge.Session, _ *none) (account.StatusPrivacy, error) {
			return value(s.Account().GetStatusPrivacy(ctx))
		})
}
