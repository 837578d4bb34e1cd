package methods

import (
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/rpc"
)

//go:embed operations.json
var operations []byte

// Operations returns the operations of the documented HTTP APIs that each method serves, as "document:METHOD /path".
func Operations() (map[string][]string, error) {
	var table map[string][]string
	if err := json.Unmarshal(operations, &table); err != nil {
		return nil, fmt.Errorf("methods: operations.json: %w", err)
	}
	return table, nil
}

// Events describes the events of sessions, for rpc.discover.
func Events() []rpc.EventDoc {
	types := bridge.EventTypes()
	list := make([]rpc.EventDoc, len(types))
	for i, e := range types {
		list[i] = rpc.EventDoc{Name: e.Name, Summary: e.Summary, Volatile: e.Volatile}
	}
	return list
}
