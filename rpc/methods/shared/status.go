package shared

import "github.com/waystation/waystation/transports/dispatch"

// Statuses of deliveries that have not ended.
const (
	Pending    = "pending"    // waits for its retry, its target or room
	Processing = "processing" // an attempt is under way
)

// LiveStatus returns the status of a delivery that has not ended: Pending or Processing.
func LiveStatus(l *dispatch.Live) string {
	if l.Active {
		return Processing
	}
	return Pending
}
