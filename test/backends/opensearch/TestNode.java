// SPDX-License-Identifier: Apache-2.0
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.opensearch.common.settings.Settings;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.plugins.Plugin;

/**
 * One OpenSearch node on loopback, out of jars: there is no distribution where they come from.
 *
 *   java -cp 'lib/*' TestNode.java FOLDER PORT
 */
public class TestNode extends Node {
  /** What a distribution has as modules, as far as the tests need it. */
  private static final List<String> MODULES = List.of(
      "org.opensearch.transport.Netty4Plugin",
      "org.opensearch.analysis.common.CommonAnalysisPlugin",
      "org.opensearch.index.mapper.MapperExtrasPlugin");

  private TestNode(Settings settings, List<Class<? extends Plugin>> plugins) {
    super(InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), null, () -> "test"), plugins, true);
  }

  public static void main(String[] args) throws Exception {
    List<Class<? extends Plugin>> plugins = new ArrayList<>();
    for (String name : MODULES) plugins.add(Class.forName(name).asSubclass(Plugin.class));
    Node node = new TestNode(
        Settings.builder()
            .put("path.home", Path.of(args[0]).toAbsolutePath().toString())
            .put("cluster.name", "test")
            .put("node.name", "test")
            .put("network.host", "127.0.0.1")
            .put("http.port", args[1])
            .put("transport.port", "0")
            .put("http.type", "netty4")
            .put("transport.type", "netty4")
            .put("discovery.type", "single-node")
            // A machine whose disk is nearly full is no reason for a test to fail.
            .put("cluster.routing.allocation.disk.threshold_enabled", false)
            .build(),
        plugins);
    node.start();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      try {
        node.close();
      } catch (Exception e) {
        System.err.println(e);
      }
    }));
    Thread.currentThread().join();
  }
}
