package outbox

import (
	"maps"

	"github.com/waystation/waystation/bridge/wa"
)

// The events of automatic messages.
const (
	EventSchedule = "ScheduleEnded"
	EventJob      = "JobCompleted"
	EventProgress = "JobProgress"
	EventHeld     = "AutomationHeld"
)

// outcome returns the state of an entry for an event; key names the entry.
func (e *Stored) outcome(key string, value any) map[string]any {
	data := map[string]any{key: value, "to": e.To, "outcome": e.State, "message_id": nil, "error": wa.OrNull(e.Error), "error_text": wa.OrNull(e.ErrorText)}
	if e.State == StateSent {
		data["message_id"] = MessageID(e.ID)
	}
	return data
}

// fields returns the data of the events of a job.
func (j *Job) fields() map[string]any {
	return map[string]any{
		"job_id": j.ID, "kind": j.Kind, "status": j.State, "total": j.Total, "pending": j.Open(),
		"sent": j.Counts[StateSent], "failed": j.Counts[StateFailed], "canceled": j.Counts[StateCanceled],
	}
}

func merge(a, b map[string]any) map[string]any {
	maps.Copy(a, b)
	return a
}
