package sqs

import (
	"encoding/json"
	"testing"

	"github.com/waystation/waystation/transports/brokertest"
)

// The server of the tests keeps nothing after its end, so there is no outage.
func TestContract(t *testing.T) {
	brokertest.SinkContract(t, func(t *testing.T) brokertest.ContractBroker {
		const queue = "contract.fifo"
		server := brokertest.SQS(t)
		receiver := created(t, queue, server.URL())
		var received []brokertest.Received
		return brokertest.ContractBroker{
			Open: func() brokertest.ContractSink { return created(t, queue, server.URL()) },
			Receive: func() []brokertest.Received {
				for _, m := range receiver.receive(t, queue) {
					r := brokertest.Received{Body: *m.Body}
					if err := json.Unmarshal([]byte(r.Body), &r); err != nil {
						t.Error(err)
					}
					received = append(received, r)
				}
				return received
			},
		}
	})
}
