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
	program := exampletest.BuildProgram(t, ".")
	env := []string{"AMQP_URL=" + rabbitmq.URL()}
	consumer := exampletest.RunProgram(t, env, program)
	consumer.WaitFor("waiting for events")
	world := exampletest.Start(t, "WAYSTATION_GLOBAL_RABBITMQ_ENABLED=true", "WAYSTATION_GLOBAL_RABBITMQ_URL="+rabbitmq.URL(), "WAYSTATION_GLOBAL_RABBITMQ_EVENTS=Message")
	world.SendText("first words")
	consumer.WaitFor("first words")
	world.SendText("second words")
	consumer.WaitFor("second words")
	exampletest.OnceInOrder(t, consumer.AllOutput(), "first words", "second words")
	consumer.Kill()
	world.SendText("third words")
	world.SendText("fourth words")
	consumer = exampletest.RunProgram(t, env, program)
	consumer.WaitFor("fourth words")
	exampletest.OnceInOrder(t, consumer.AllOutput(), "third words", "fourth words")
}
