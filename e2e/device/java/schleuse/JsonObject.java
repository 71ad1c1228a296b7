package schleuse;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A JSON object: members with their types, asked for strictly. A member that is missing or of another type
 * is a {@link MalformedException}; there are no default values.
 */
public final class JsonObject {
    private final Map<String, Object> members;

    /** An empty object, to be filled by {@link #with}. */
    public JsonObject() {
        this(new LinkedHashMap<>());
    }

    private JsonObject(Map<String, Object> members) {
        this.members = members;
    }

    /** Reads one object and nothing beside it. */
    public static JsonObject parse(byte[] utf8) throws MalformedException {
        return of(JsonReader.read(utf8));
    }

    /** The members may be of any JSON type or a {@code JsonObject}. */
    public JsonObject with(String name, Object value) {
        if (members.put(name, value) != null) {
            throw new IllegalArgumentException("member twice: " + name);
        }
        return this;
    }

    public boolean has(String name) {
        return members.containsKey(name);
    }

    Map<String, Object> members() {
        return Collections.unmodifiableMap(members);
    }

    public String string(String name) throws MalformedException {
        return as(String.class, name);
    }

    public long integer(String name) throws MalformedException {
        return as(Long.class, name);
    }

    public JsonObject object(String name) throws MalformedException {
        return of(members.get(name));
    }

    public List<JsonObject> objects(String name) throws MalformedException {
        List<JsonObject> all = new ArrayList<>();
        for (Object each : as(List.class, name)) {
            all.add(of(each));
        }
        return all;
    }

    /** Refuses an object that has one member more or less. */
    public JsonObject exactly(String... names) throws MalformedException {
        if (!members.keySet().equals(Set.of(names))) {
            throw new MalformedException("other members than " + String.join(", ", names));
        }
        return this;
    }

    /** The JSON text, as bytes. */
    public byte[] utf8() {
        return toString().getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public String toString() {
        return JsonWriter.write(members);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof JsonObject && ((JsonObject) other).toString().equals(toString());
    }

    @Override
    public int hashCode() {
        return toString().hashCode();
    }

    @SuppressWarnings("unchecked") // JsonReader makes no map with other keys
    private static JsonObject of(Object value) throws MalformedException {
        if (value instanceof JsonObject) {
            return (JsonObject) value;
        }
        if (!(value instanceof Map)) {
            throw new MalformedException("no object");
        }
        return new JsonObject((Map<String, Object>) value);
    }

    private <T> T as(Class<T> type, String name) throws MalformedException {
        Object value = members.get(name);
        if (!type.isInstance(value)) {
            throw new MalformedException("member " + name + " is missing or of another type");
        }
        return type.cast(value);
    }
}
