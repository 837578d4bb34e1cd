package socket

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/consumer"
)

// registerConsumerMethods registers the methods for a principal's named consumers. They need no connection as that
// consumer, so that an abandoned one can be deleted.
func registerConsumerMethods(reg *rpc.Registry, e *Endpoint) {
	rpc.Register(reg, rpc.Method{
		Name: "events.consumers", Summary: "List the named consumers of the credential and how far they are behind.",
		Scope: rpc.ScopeSession, NoSession: true, NoBatch: true, MaxReply: maxHelloReply,
	}, e.listConsumers)
	rpc.Register(reg, rpc.Method{
		Name: "events.deleteConsumer", Summary: "Forget a named consumer of the credential and its cursors.",
		Description: "One that is connected is not deleted; its connection has to end first.",
		Scope:       rpc.ScopeSession, NoSession: true, NoBatch: true,
	}, e.deleteConsumer)
}

type consumersParams struct {
	Consumer string `json:"consumer" rpc:"max=128" doc:"only this one"`
}

type consumersResult struct {
	Consumers []consumerReply `json:"consumers" doc:"by name"`
}

type consumerReply struct {
	Consumer  string        `json:"consumer"`
	Connected bool          `json:"connected"`
	Sessions  []cursorReply `json:"sessions" doc:"by id"`
}

type cursorReply struct {
	Session string `json:"session"`
	Epoch   string `json:"epoch"`
	Offset  uint64 `json:"offset" doc:"last offset that was acknowledged"`
	Head    uint64 `json:"head" doc:"newest offset of the session"`
	Lag     uint64 `json:"lag" doc:"kept events that were not acknowledged"`
	Updated string `json:"updated" doc:"when the cursor was last moved or used"`
}

func (e *Endpoint) listConsumers(ctx context.Context, call *rpc.Call, p *consumersParams) (*consumersResult, error) {
	result := &consumersResult{Consumers: []consumerReply{}}
	if e.cfg.Consumers == nil {
		return result, nil
	}
	cursors, err := e.cfg.Consumers.List(ctx, call.Principal.ID, p.Consumer)
	if err != nil {
		return nil, fmt.Errorf("socket: list consumers: %w", err)
	}
	visible, err := e.sessions.Visible(ctx, call.Principal)
	if err != nil {
		return nil, fmt.Errorf("socket: list sessions: %w", err)
	}
	may := make(map[string]struct{}, len(visible))
	for _, id := range visible {
		may[id] = struct{}{}
	}
	for _, cursor := range cursors {
		n := len(result.Consumers)
		if n == 0 || result.Consumers[n-1].Consumer != cursor.Name {
			id := consumer.ID{Principal: call.Principal.ID, Name: cursor.Name}
			result.Consumers = append(result.Consumers, consumerReply{cursor.Name, e.hasConsumer(id), []cursorReply{}})
			n++
		}
		if _, ok := may[cursor.Session]; !ok {
			continue // Log must not be called, because it would create a log
		}
		log, err := e.journal.Log(ctx, cursor.Session)
		if err != nil {
			return nil, fmt.Errorf("socket: read log: %w", err)
		}
		pos, _ := resumeAt(log, cursor.Epoch, cursor.Offset)
		last := &result.Consumers[n-1]
		last.Sessions = append(last.Sessions, cursorReply{
			Session: cursor.Session, Epoch: cursor.Epoch, Offset: cursor.Offset, Head: log.Head, Lag: log.Head - pos,
			Updated: cursor.Updated.UTC().Format(time.RFC3339),
		})
	}
	return result, nil
}

// hasConsumer reports whether a consumer is connected.
func (e *Endpoint) hasConsumer(id consumer.ID) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.consumers[id] != nil
}

type deleteConsumerParams struct {
	Consumer string `json:"consumer" rpc:"required,min=1,max=128" doc:"name of the consumer"`
}

type deleteConsumerResult struct {
	Consumer string `json:"consumer"`
}

func (e *Endpoint) deleteConsumer(ctx context.Context, call *rpc.Call, p *deleteConsumerParams) (*deleteConsumerResult, error) {
	err := consumer.ErrNotFound
	if e.cfg.Consumers != nil {
		err = e.cfg.Consumers.Delete(ctx, consumer.ID{Principal: call.Principal.ID, Name: p.Consumer})
	}
	switch {
	case errors.Is(err, consumer.ErrNotFound):
		return nil, rpc.NotFound("there is no consumer of that name")
	case errors.Is(err, consumer.ErrInUse):
		return nil, rpc.Conflict("the consumer is connected")
	case err != nil:
		return nil, fmt.Errorf("socket: delete consumer: %w", err)
	}
	return &deleteConsumerResult{p.Consumer}, nil
}
