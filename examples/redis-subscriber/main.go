// Redis-subscriber follows the events of a session in a Redis stream and shows its messages. It remembers how far it
// came, so that its next run goes on there.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// place is how far the program came: the entry in the stream, and the offset and id of its event.
type place struct {
	Entry  string
	Offset uint64
	ID     string
}

func main() {
	options, err := redis.ParseURL(env("REDIS_URL", "redis://127.0.0.1:6379/0"))
	if err != nil {
		log.Fatal(err)
	}
	client := redis.NewClient(options)
	defer client.Close()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	stateFile := env("STATE_FILE", "state.json")
	at := place{Entry: "0"} // the beginning of what the stream has
	if text, err := os.ReadFile(stateFile); err == nil {
		if err := json.Unmarshal(text, &at); err != nil {
			log.Fatal(err)
		}
	}
	for ctx.Err() == nil {
		streams, err := client.XRead(ctx, &redis.XReadArgs{
			Streams: []string{env("STREAM", "waystation:default"), at.Entry}, Count: 100, Block: 5 * time.Second,
		}).Result()
		switch {
		case errors.Is(err, redis.Nil): // nothing new
			continue
		case err != nil:
			log.Printf("redis is away: %v", err)
			time.Sleep(time.Second)
			continue
		}
		for _, entry := range streams[0].Messages {
			offset, err := strconv.ParseUint(fmt.Sprint(entry.Values["offset"]), 10, 64)
			id := fmt.Sprint(entry.Values["id"])
			switch {
			case err != nil:
				log.Printf("entry %s is no event", entry.ID)
			case entry.Values["replay"] != nil:
				handle(entry.Values)
			case offset > at.Offset || id > at.ID: // else it came before: events arrive at least once
				handle(entry.Values)
				at.Offset, at.ID = offset, id
			}
			at.Entry = entry.ID
			// After the work: a crash in between repeats the event, it never leaves one out.
			if err := save(stateFile, at); err != nil {
				log.Fatal(err)
			}
		}
	}
}

// handle does the program's work with an event.
func handle(fields map[string]any) {
	if fields["type"] != "Message" {
		return
	}
	var event struct {
		Truncated bool // too large for the stream: session.getEvent has it, by session and offset
		Data      struct {
			Sender string `json:"sender_name"`
			Text   string
		}
	}
	if err := json.Unmarshal([]byte(fmt.Sprint(fields["payload"])), &event); err != nil {
		log.Printf("event %v cannot be read: %v", fields["id"], err)
		return
	}
	if event.Truncated {
		fmt.Printf("%v %v is too large for the stream\n", fields["session"], fields["offset"])
		return
	}
	fmt.Printf("%v %v %s: %q\n", fields["session"], fields["offset"], event.Data.Sender, event.Data.Text)
}

// save replaces the file as a whole.
func save(file string, at place) error {
	text, err := json.Marshal(at)
	if err == nil {
		err = os.WriteFile(file+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(file+".new", file)
	}
	return err
}

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
