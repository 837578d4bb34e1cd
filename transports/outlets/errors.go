package outlets

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/waystation/waystation/transports/kit/refusal"
)

// Errors of the methods of Outlets, besides refusal.Problems, Problems and errors of the database and the context.
var (
	// ErrNotFound says that the session has no settings of this transport.
	ErrNotFound = errors.New("outlets: no settings")
	// ErrUnknown says that there is no such transport.
	ErrUnknown = errors.New("outlets: unknown transport")
)

// Problems say why global transports are refused, by the transport's name.
type Problems map[string]refusal.Problems

// Error returns the transports, their invalid fields and the problem of each. It contains no secret.
func (p Problems) Error() string {
	texts := make([]string, 0, len(p))
	for _, name := range slices.Sorted(maps.Keys(p)) {
		texts = append(texts, name+": "+p[name].Error())
	}
	return "global transports: " + strings.Join(texts, "; ")
}
