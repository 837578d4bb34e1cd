package servermethods

import (
	"context"
	"encoding/json"

	"github.com/waystation/waystation/rpc"
)

// maxDescription is the limit of the size of an OpenAPI document, in bytes.
const maxDescription = 16 << 20

type descriptionParams struct {
	API string `json:"api" rpc:"max=64" doc:"dialect, such as waakg; absent = the default dialect of the root"`
}

type descriptionResult struct {
	Document json.RawMessage `json:"document" doc:"OpenAPI 3.1 document"`
}

func registerDescriptions(reg *rpc.Registry, d Deps) {
	rpc.Register(reg, rpc.Method{
		Name: "server.getApiDescription", Summary: "Return the OpenAPI document of one REST dialect.", Scope: rpc.ScopePublic, MaxReply: maxDescription,
		Description: "rpc.discover describes the methods themselves.",
	}, func(_ context.Context, _ *rpc.Call, p *descriptionParams) (descriptionResult, error) {
		document, ok := d.Describe(p.API)
		if !ok {
			return descriptionResult{}, rpc.InvalidParams("/api", "is no dialect of this server")
		}
		return descriptionResult{document}, nil
	})
}
