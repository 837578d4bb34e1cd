package amqp

import (
	"testing"

	"github.com/waystation/waystation/transports/brokertest"
)

func TestContract(t *testing.T) {
	brokertest.SinkContract(t, func(t *testing.T) brokertest.ContractBroker {
		server := brokertest.RabbitMQ(t)
		cfg := config(t, server.URL())
		cfg.Queue = name(t, "all")
		var received []brokertest.Received
		return brokertest.ContractBroker{
			Open: func() brokertest.ContractSink { return open(t, cfg) },
			Receive: func() []brokertest.Received {
				c := channel(t, server)
				defer c.Close()
				for {
					m, more, err := c.Get(cfg.Queue, true)
					if err != nil {
						t.Error(err)
					}
					if !more {
						return received
					}
					received = append(received, brokertest.Received{
						Session: m.Headers["session"].(string), Offset: uint64(m.Headers["offset"].(int64)), ID: m.MessageId, Body: string(m.Body),
					})
				}
			},
			Stop: server.Kill, Start: func() { server.Start(t) },
		}
	})
}
