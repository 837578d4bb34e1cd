// Rabbitmq-consumer takes the events of all sessions from a RabbitMQ queue and shows their messages. It binds a queue of its
// own to the server's exchange, confirms each event after the work, and passes over repeats.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// place is the last event of a session that was handled.
type place struct {
	offset int64
	id     string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	seen := map[string]place{} // of each session; a program that must not repeat after a restart keeps it on disk
	for ctx.Err() == nil {
		if err := consume(ctx, seen); err != nil {
			log.Printf("RabbitMQ is away: %v", err)
			time.Sleep(time.Second)
		}
	}
}

// consume handles events until the connection is lost or ctx ends.
func consume(ctx context.Context, seen map[string]place) error {
	conn, err := amqp.Dial(env("AMQP_URL", "amqp://guest:guest@127.0.0.1:5672/"))
	if err != nil {
		return err
	}
	defer conn.Close()
	channel, err := conn.Channel()
	if err != nil {
		return err
	}
	exchange, queue := env("EXCHANGE", "whatsapp.events"), env("QUEUE", "rabbitmq-consumer")
	// As the server declares it: whoever comes first makes it.
	if err := channel.ExchangeDeclare(exchange, "topic", true, false, false, false, nil); err != nil {
		return err
	}
	// Durable, so that it collects events while this program is away.
	if _, err := channel.QueueDeclare(queue, true, false, false, false, nil); err != nil {
		return err
	}
	if err := channel.QueueBind(queue, env("ROUTING_KEY", "whatsapp.*.Message"), exchange, false, nil); err != nil {
		return err
	}
	// A few ahead: what is not confirmed comes again when the connection is lost.
	if err := channel.Qos(20, 0, false); err != nil {
		return err
	}
	events, err := channel.ConsumeWithContext(ctx, queue, "", false, false, false, false, nil)
	if err != nil {
		return err
	}
	log.Printf("waiting for events")
	for event := range events {
		session, _ := event.Headers["session"].(string)
		offset, _ := event.Headers["offset"].(int64)
		id, _ := event.Headers["id"].(string)
		replay, _ := event.Headers["replay"].(bool)
		switch last := seen[session]; {
		case replay:
			handle(event)
		case offset > last.offset || id > last.id: // else it came before
			handle(event)
			seen[session] = place{offset, id}
		}
		if err := event.Ack(false); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// handle does the program's work with an event.
func handle(event amqp.Delivery) {
	var body struct {
		Session   string
		Offset    uint64
		Truncated bool // too large for a message: session.getEvent has it, by session and offset
		Data      struct {
			Sender string `json:"sender_name"`
			Text   string
		}
	}
	if err := json.Unmarshal(event.Body, &body); err != nil {
		log.Printf("event %s cannot be read: %v", event.MessageId, err)
		return
	}
	if body.Truncated {
		fmt.Printf("%s %d is too large for a message\n", body.Session, body.Offset)
		return
	}
	fmt.Printf("%s %d %s: %q\n", body.Session, body.Offset, body.Data.Sender, body.Data.Text)
}

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
