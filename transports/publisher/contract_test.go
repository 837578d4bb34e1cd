package publisher

import (
	"sync"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"

	"github.com/waystation/waystation/transports/brokertest"
	"github.com/waystation/waystation/transports/dispatch"
)

// The sink fulfils the contract over Watermill's channels, which keep the order if they wait for acknowledgements.
func TestContract(t *testing.T) {
	brokertest.SinkContract(t, func(t *testing.T) brokertest.ContractBroker {
		channel := gochannel.NewGoChannel(gochannel.Config{BlockPublishUntilSubscriberAck: true}, nil)
		messages, err := channel.Subscribe(t.Context(), "events")
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var received []brokertest.Received
		var receiver sync.WaitGroup
		receiver.Go(func() {
			for msg := range messages {
				mu.Lock()
				received = append(received, readMessage(t, msg))
				mu.Unlock()
				msg.Ack()
			}
		})
		t.Cleanup(receiver.Wait)
		return brokertest.ContractBroker{
			Open: func() brokertest.ContractSink { return open(t, Config{Publisher: channel, Topic: "events"}) },
			Receive: func() []brokertest.Received {
				mu.Lock()
				defer mu.Unlock()
				return append([]brokertest.Received(nil), received...)
			},
		}
	})
}

func readMessage(t *testing.T, msg *message.Message) brokertest.Received {
	m, err := dispatch.ParseMetadata(msg)
	if err != nil || m.Type != "Message" || m.Attempt < 1 {
		t.Errorf("%+v, %v", m, err)
	}
	return brokertest.Received{Session: m.Session, Offset: m.Offset, ID: msg.UUID, Body: string(msg.Payload)}
}
