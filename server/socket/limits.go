package socket

import "github.com/waystation/waystation/rpc"

func (c *Config) setCallLimits(set func(*int, int)) {
	set(&c.InFlight, rpc.DefaultInFlight)
	set(&c.MaxFrame, rpc.DefaultMaxFrame)
	set(&c.Burst, rpc.DefaultBurst)
	set(&c.Refusals, rpc.DefaultRefusals)
	set(&c.ProtocolErrors, rpc.DefaultProtocolErrors)
	if c.Rate <= 0 {
		c.Rate = rpc.DefaultRate
	}
}

// limitsReply contains the limits that a client must observe.
type limitsReply struct {
	FrameBytes         int     `json:"frame_bytes"`
	Depth              int     `json:"depth"`
	Batch              int     `json:"batch"`
	BatchReplyBytes    int     `json:"batch_reply_bytes"`
	ReplyBytes         int     `json:"reply_bytes"`
	KeptReplyBytes     int     `json:"kept_reply_bytes" doc:"of a result kept for an idempotency key"`
	InFlight           int     `json:"in_flight"`
	SessionInFlight    int     `json:"session_in_flight"`
	CallsPerSecond     float64 `json:"calls_per_second"`
	CallBurst          int     `json:"call_burst"`
	TimeoutMS          int64   `json:"timeout_ms"`
	MaxTimeoutMS       int64   `json:"max_timeout_ms"`
	Filters            int     `json:"filters"`
	WindowEvents       int     `json:"window_events"`
	WindowBytes        int     `json:"window_bytes"`
	SessionConnections int     `json:"session_connections"`
}

func (e *Endpoint) limits() limitsReply {
	o := e.reg.Options()
	return limitsReply{
		FrameBytes: e.cfg.MaxFrame, Depth: rpc.DefaultMaxDepth, Batch: rpc.DefaultMaxBatch,
		BatchReplyBytes: rpc.DefaultMaxBatchReply, ReplyBytes: o.MaxReply, KeptReplyBytes: o.MaxKeptReply,
		InFlight: e.cfg.InFlight, SessionInFlight: o.SessionInFlight,
		CallsPerSecond: e.cfg.Rate, CallBurst: e.cfg.Burst,
		TimeoutMS: o.Timeout.Milliseconds(), MaxTimeoutMS: o.MaxTimeout.Milliseconds(),
		Filters: e.cfg.MaxFilters, WindowEvents: e.cfg.WindowEvents, WindowBytes: e.cfg.WindowBytes,
		SessionConnections: e.cfg.MaxPerSession,
	}
}
