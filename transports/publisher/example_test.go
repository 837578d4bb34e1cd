package publisher_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"

	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/publisher"
)

// A program that embeds the journal and the dispatcher delivers the events of a session through a Watermill publisher.
func Example() {
	ctx := context.Background()
	folder, _ := os.MkdirTemp("", "example")
	defer os.RemoveAll(folder)
	db, err := database.Open(ctx, filepath.Join(folder, "events.db"), database.Options{})
	if err != nil {
		panic(err)
	}
	defer db.Close()
	events, err := journal.Open(ctx, db, journal.Config{})
	if err != nil {
		panic(err)
	}
	defer events.Close()

	// Any message.Publisher: kafka.NewPublisher, nats.NewPublisher, sns.NewPublisher, ...
	broker := gochannel.NewGoChannel(gochannel.Config{BlockPublishUntilSubscriberAck: true}, nil)
	received, err := broker.Subscribe(ctx, "events.shop")
	if err != nil {
		panic(err)
	}
	sink, err := publisher.NewSink(publisher.Config{Publisher: broker, Topic: "events.{session}"})
	if err != nil {
		panic(err)
	}
	defer sink.Close() // after the dispatcher

	deliveries, err := dispatch.Open(ctx, db, events, dispatch.Config{})
	if err != nil {
		panic(err)
	}
	defer deliveries.Close(ctx)
	if err = deliveries.AddSink("broker", sink, dispatch.Policy{}); err != nil {
		panic(err)
	}
	err = deliveries.PutTargets(ctx, dispatch.Target{
		Transport: "broker", ID: dispatch.GlobalPrefix + "shop", Session: "shop", Filter: dispatch.Filter{Events: []string{"Message"}},
	})
	if err != nil {
		panic(err)
	}

	if _, err = events.Append(ctx, "shop", journal.Record{Type: "Message", Data: []byte(`{"text":"Hello"}`)}); err != nil {
		panic(err)
	}
	msg := <-received
	msg.Ack()
	m, err := dispatch.ParseMetadata(msg)
	fmt.Println(m.Session, m.Offset, m.Type, m.Target, m.Attempt, len(msg.UUID), err)
	// Output: shop 1 Message global/shop 1 26 <nil>
}
