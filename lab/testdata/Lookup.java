import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.stream.Collectors;

/** Resolves each argument as Hadoop does, and prints: argument, milliseconds, result. */
public class Lookup {
    public static void main(String[] args) throws Exception {
        InetAddress.getByName("127.0.0.1").getCanonicalHostName(); // load what must be loaded first
        for (String arg : args) {
            long begin = System.nanoTime();
            String result = resolve(arg);
            System.out.println(arg + " " + (System.nanoTime() - begin) / 1_000_000 + " " + result);
        }
    }

    private static String resolve(String arg) {
        try {
            if (arg.matches("[0-9.]+")) { // an address: its canonical name, or itself
                return InetAddress.getByName(arg).getCanonicalHostName();
            }
            return Arrays.stream(InetAddress.getAllByName(arg)).map(InetAddress::getHostAddress).sorted()
                    .collect(Collectors.joining(","));
        } catch (UnknownHostException e) {
            return "unknown";
        }
    }
}
