// SPDX-License-Identifier: Apache-2.0
import { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { curves, lines, recordTable, WHO } from './panels.ts';
import { event, links, loki, records, UID, variables } from './sources.ts';

const SELF = 'agentsmith_process_id="$process"';

/** *One process*, by `agentsmith.process.id`: pid and time of birth, so that a pid that came again is another one. */
export const oneProcess = (): DashboardBuilder =>
  new DashboardBuilder('One process')
    .uid(UID.process)
    .tags(['agentsmith'])
    .time({ from: 'now-24h', to: 'now' })
    .variables(variables.process())
    .links(links('host', 'health'))
    .withPanel(
      recordTable(
        'Its life',
        loki(records(SELF, event('process.exec', 'process.exit', 'process.credential.change'))),
        {
          about: 'What it ran, which rights it gained, how it ended. The parent leads to its own life.',
          width: 24,
          columns: {
            event_name: 'event',
            process_executable_path: 'executable',
            process_command_args: 'arguments',
            process_working_directory: 'folder',
            process_user_name: 'user',
            agentsmith_process_parent_id: 'process',
            process_exit_code: 'exit code',
            agentsmith_process_exit_signal: 'signal',
          },
        },
      ).overrideByName('process', [{ id: 'displayName', value: 'parent' }]),
    )
    .withPanel(
      curves(
        'Its events',
        [
          loki(`sum by (event_name) (count_over_time(${records(SELF)} [$__auto]))`, {
            legend: '{{event_name}}',
          }),
        ],
        { about: 'By kind.', width: 24, stacked: true },
      ),
    )
    .withPanel(
      recordTable(
        'Its children',
        loki(records('agentsmith_process_parent_id="$process"', event('process.exec'))),
        {
          about: 'Programs that its children ran; the process leads to their life.',
          width: 24,
          columns: { ...WHO, process_command_args: 'arguments', error_type: 'error' },
        },
      ),
    )
    .withPanel(
      recordTable('Connections and ports', loki(records(SELF, event('network.connect', 'network.bind'))), {
        about: 'Where it connected, and which ports it took for itself.',
        width: 12,
        columns: {
          event_name: 'event',
          network_transport: 'transport',
          network_peer_address: 'peer',
          network_peer_port: 'peer port',
          network_local_address: 'local',
          network_local_port: 'local port',
          error_type: 'error',
        },
      }),
    )
    .withPanel(
      recordTable('DNS', loki(records(SELF, event('dns.query', 'dns.answer'))), {
        about: 'What it asked and was answered.',
        width: 12,
        columns: {
          event_name: 'event',
          dns_question_name: 'name',
          agentsmith_dns_question_type: 'type',
          dns_answers: 'answers',
          network_peer_address: 'resolver',
          error_type: 'error',
        },
      }),
    )
    .withPanel(
      recordTable('Files', loki(records(SELF, 'event_name=~"agentsmith\\\\.file\\\\..*"')), {
        about: 'That it made, named otherwise or removed.',
        width: 12,
        columns: { event_name: 'event', file_path: 'path', agentsmith_file_old_path: 'old path' },
      }),
    )
    .withPanel(
      recordTable(
        'Injections, modules, BPF programs',
        loki(records(SELF, event('process.ptrace', 'kernel.module.load', 'kernel.bpf.load'))),
        {
          about: 'Where it reached into another process or the kernel.',
          width: 12,
          columns: {
            event_name: 'event',
            agentsmith_ptrace_request: 'request',
            agentsmith_ptrace_target_pid: 'target pid',
            agentsmith_ptrace_target_executable_path: 'target',
            agentsmith_kernel_module_name: 'module',
            agentsmith_bpf_program_type: 'BPF program',
            error_type: 'error',
          },
        },
      ),
    )
    .withPanel(
      lines('All its records', loki(records(SELF)), {
        about: 'Everything that is known of it, with every attribute.',
        width: 24,
        height: 14,
      }),
    );
