import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;

import com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Reads a topic of Scrapestream with the Kafka client and Avro alone; prints a line a record:
 * key, type, value as JSON. With Confluent's KafkaAvroDeserializer the decoding is one setting.
 *
 * <pre>java -cp 'kafka-clients.jar:avro.jar:jackson-databind.jar:...' Consume.java BROKERS REGISTRY TOPIC [MAX]</pre>
 */
public class Consume {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final HttpClient HTTP = HttpClient.newHttpClient();
    private static final Map<Integer, Schema> SCHEMAS = new HashMap<>();

    public static void main(String[] arguments) throws Exception {
        String registry = arguments[1];
        int most = arguments.length > 3 ? Integer.parseInt(arguments[3]) : Integer.MAX_VALUE;
        Properties settings = new Properties();
        settings.put("bootstrap.servers", arguments[0]);
        settings.put("group.id", "example-java");
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", "false");
        try (KafkaConsumer<String, byte[]> consumer =
                new KafkaConsumer<>(settings, new StringDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(List.of(arguments[2]));
            int printed = 0;
            while (printed < most) {
                for (ConsumerRecord<String, byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                    if (printed++ == most) {
                        return;
                    }
                    GenericRecord value = decode(registry, record.value());
                    // GenericData prints JSON; times are numbers of microseconds.
                    System.out.println(record.key() + "\t" + value.getSchema().getName() + "\t" + value);
                }
                consumer.commitSync();  // after the work is done: at least once
            }
        }
    }

    /** The Confluent wire format: 0x00, the schema's id as four bytes big-endian, the body. */
    private static GenericRecord decode(String registry, byte[] value) throws Exception {
        ByteBuffer buffer = ByteBuffer.wrap(value);
        if (buffer.get() != 0) {
            throw new IllegalArgumentException("not in the Confluent wire format");
        }
        Schema schema = schema(registry, buffer.getInt());
        var decoder = DecoderFactory.get().binaryDecoder(value, 5, value.length - 5, null);
        return new GenericDatumReader<GenericRecord>(schema, schema, new GenericData()).read(null, decoder);
    }

    private static Schema schema(String registry, int id) throws Exception {
        if (!SCHEMAS.containsKey(id)) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(registry + "/schemas/ids/" + id)).build();
            HttpResponse<String> answer = HTTP.send(request, HttpResponse.BodyHandlers.ofString());
            if (answer.statusCode() != 200) {
                throw new IllegalStateException("the registry answers " + answer.statusCode());
            }
            String text = JSON.readTree(answer.body()).get("schema").asText();
            SCHEMAS.put(id, new Schema.Parser().parse(text));
        }
        return SCHEMAS.get(id);
    }
}
