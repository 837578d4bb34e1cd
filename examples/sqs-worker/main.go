// Sqs-worker takes the events of all sessions from an SQS queue and shows their messages. It deletes an event after the work,
// and passes over repeats. Credentials come from where the AWS SDK looks for them.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// event is the body of a message: the JSON that sockets get.
type event struct {
	Session   string
	Offset    uint64
	ID        string
	Type      string
	Truncated bool // too large for SQS: session.getEvent has it, by session and offset
	Replay    bool // sent once more because somebody asked for it
	Data      struct {
		Sender string `json:"sender_name"`
		Text   string
	}
}

// place is the last event of a session that was handled.
type place struct {
	offset uint64
	id     string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	client := sqs.NewFromConfig(cfg)
	queue := os.Getenv("QUEUE_URL")
	if queue == "" {
		log.Fatal("QUEUE_URL is the address of the queue")
	}
	seen := map[string]place{} // of each session; a program that must not repeat after a restart keeps it on disk
	for ctx.Err() == nil {
		// Waiting for up to 20 seconds costs one request; asking again and again costs many.
		out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &queue, MaxNumberOfMessages: 10, WaitTimeSeconds: 20})
		if err != nil {
			if ctx.Err() == nil {
				log.Printf("SQS is away: %v", err)
				time.Sleep(time.Second)
			}
			continue
		}
		for _, message := range out.Messages {
			work(ctx, client, queue, &message, seen)
		}
	}
}

// work handles a message and deletes it after that: a crash in between brings it again.
func work(ctx context.Context, client *sqs.Client, queue string, message *types.Message, seen map[string]place) {
	var e event
	if err := json.Unmarshal([]byte(aws.ToString(message.Body)), &e); err != nil {
		log.Printf("message %s is no event: %v", aws.ToString(message.MessageId), err)
		return // it comes again, and goes to the dead letters of the queue in the end
	}
	switch last := seen[e.Session]; {
	case e.Replay:
		handle(&e)
	case e.Offset > last.offset || e.ID > last.id: // else it came before
		handle(&e)
		seen[e.Session] = place{e.Offset, e.ID}
	}
	if _, err := client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &queue, ReceiptHandle: message.ReceiptHandle}); err != nil {
		log.Printf("it will come again: %v", err)
	}
}

// handle does the program's work with an event.
func handle(e *event) {
	switch {
	case e.Type != "Message":
	case e.Truncated:
		fmt.Printf("%s %d is too large for SQS\n", e.Session, e.Offset)
	default:
		fmt.Printf("%s %d %s: %q\n", e.Session, e.Offset, e.Data.Sender, e.Data.Text)
	}
}
