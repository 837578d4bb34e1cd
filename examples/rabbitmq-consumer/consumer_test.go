package main

import (
	"os"
	"testing"

	"github.com/waystation/waystation/examples/internal/exampletest"
	"github.com/waystation/waystation/transports/brokertest"
)

func TestMain(m *testing.M) { os.Exit(brokertest.Main(m)) }

// The consumer gets what is said while it is there, and after it was killed what was said meanwhile.
func TestConsumer(t *testing.T) {
	rabbitmq := brokertest.RabbitMQ(t)
	program := exampletest.Build(t, ".")
	env := []string{"AMQP_URL=" + rabbitmq.URL()}
	consumer := exampletest.Run(t, env, program)
	consumer.Wait("waiting for events")
	world := exampletest.Start(t, "WAYSTATION_GLOBAL_RABBITMQ_ENABLED=true", "WAYSTATION_GLOBAL_RABBITMQ_URL="+rabbitmq.URL(), "WAYSTATION_GLOBAL_RABBITMQ_EVENTS=Message")
	world.Say("first words")
	consumer.Wait("first words")
	world.Say("second words")
	consumer.Wait("second words")
	exampletest.OnceInOrder(t, consumer.Said(), "first words", "second words")
	consumer.Kill()
	world.Say("third words")
	world.Say("fourth words")
	consumer = exampletest.Run(t, env, program)
	consumer.Wait("fourth words")
	exampletest.OnceInOrder(t, consumer.Said(), "third words", "fourth words")
}
