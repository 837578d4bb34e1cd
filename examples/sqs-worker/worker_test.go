package main

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/waystation/waystation/examples/internal/exampletest"
	"github.com/waystation/waystation/transports/brokertest"
)

// The worker gets what is said while it is there, and after it was killed what was said meanwhile.
func TestWorker(t *testing.T) {
	server := brokertest.SQS(t)
	client := sqs.New(sqs.Options{Region: "us-east-1", BaseEndpoint: aws.String(server.URL()), Credentials: credentials.NewStaticCredentialsProvider("key", "secret", "")})
	queue, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("way.fifo"), Attributes: map[string]string{"FifoQueue": "true", "VisibilityTimeout": "8"}})
	if err != nil {
		t.Fatal(err)
	}
	aws := []string{
		"AWS_ENDPOINT_URL_SQS=" + server.URL(), "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=key", "AWS_SECRET_ACCESS_KEY=secret", "QUEUE_URL=" + *queue.QueueUrl,
	}
	world := exampletest.Start(t, append(aws, "WAYSTATION_GLOBAL_SQS_ENABLED=true", "WAYSTATION_GLOBAL_SQS_URL="+*queue.QueueUrl)...)
	program := exampletest.BuildProgram(t, ".")
	worker := exampletest.RunProgram(t, aws, program)
	world.SendText("first words")
	worker.WaitFor("first words")
	world.SendText("second words")
	worker.WaitFor("second words")
	exampletest.OnceInOrder(t, worker.AllOutput(), "first words", "second words")
	worker.Kill()
	world.SendText("third words")
	world.SendText("fourth words")
	worker = exampletest.RunProgram(t, aws, program)
	worker.WaitFor("fourth words")
	exampletest.OnceInOrder(t, worker.AllOutput(), "third words", "fourth words")
	world.PairAgain()
	world.SendText("fifth words")
	worker.WaitFor("fifth words")
}
