// SPDX-License-Identifier: Apache-2.0
import { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { curves, lines, link, number, ranking, recordTable, WHO } from './panels.ts';
import { event, links, loki, records, UID, variables } from './sources.ts';

const EXECUTABLE = 'process_executable_path=~"$executable"';
const CHOSEN = ['event_name=~"$event"', EXECUTABLE];

/** How many records there were in the time range. */
const total = (...filters: readonly string[]) =>
  loki(`sum(count_over_time(${records(...filters, EXECUTABLE)} [$__range]))`, { instant: true });

/** The twenty values of these attributes with the most records. */
const top = (by: readonly string[], ...filters: readonly string[]) =>
  loki(
    `topk(20, sum by (${by.join(', ')}) (count_over_time(${records(...filters, EXECUTABLE)} [$__range])))`,
    { instant: true, legend: by.map((name) => `{{${name}}}`).join(' ') },
  );

const toExecutable = link(
  'What this executable does',
  'host',
  'executable',
  '__field.labels.process_executable_path',
);

/** *Host activity*: what happens on the hosts, and the way to the process that did it. */
export const hostActivity = (): DashboardBuilder =>
  new DashboardBuilder('Host activity')
    .uid(UID.host)
    .tags(['agentsmith'])
    .time({ from: 'now-1h', to: 'now' })
    .refresh('30s')
    .variables(variables.host())
    .links(links('health'))
    .withPanel(
      number('Programs started', total(event('process.exec')), {
        about: 'Execs, those that failed among them.',
        width: 4,
      }),
    )
    .withPanel(
      number('Connections', total(event('network.connect')), {
        about: 'Tried and made, over TCP and UDP.',
        width: 4,
      }),
    )
    .withPanel(
      number('Failed connections', total(event('network.connect'), 'error_type!=""'), {
        about: 'Refused, timed out, not allowed.',
        width: 4,
      }),
    )
    .withPanel(number('DNS questions', total(event('dns.query')), { about: 'Asked by programs.', width: 4 }))
    .withPanel(
      number('Files made', total(event('file.create')), {
        about: 'That had not been there before.',
        width: 4,
      }),
    )
    .withPanel(
      number('Warnings', total('severity_number>=13'), {
        about: 'Injections, modules, BPF programs, gains of privilege, and gaps in the stream.',
        width: 4,
      }),
    )
    .withPanel(
      curves(
        'Events by kind',
        [
          loki(`sum by (event_name) (count_over_time(${records(...CHOSEN)} [$__auto]))`, {
            legend: '{{event_name}}',
          }),
        ],
        { about: 'All records of the chosen hosts, events and executables.', width: 24, stacked: true },
      ),
    )
    .withPanel(
      recordTable(
        'Injections, modules, BPF programs, privileges',
        loki(
          records(
            event('process.ptrace', 'kernel.module.load', 'kernel.bpf.load', 'process.credential.change'),
            EXECUTABLE,
          ),
        ),
        {
          about:
            'What reaches into other processes or the kernel, or gains rights. The process leads to its life.',
          width: 24,
          columns: {
            host_name: 'host',
            event_name: 'event',
            ...WHO,
            agentsmith_ptrace_request: 'request',
            agentsmith_ptrace_target_executable_path: 'target',
            agentsmith_kernel_module_name: 'module',
            agentsmith_bpf_program_type: 'BPF program',
            error_type: 'error',
          },
        },
      ),
    )
    .withPanel(
      ranking('Programs started', top(['process_executable_path'], event('process.exec')), {
        about: 'By the path of the executable; a bar leads to all that it does.',
        width: 12,
        to: toExecutable,
      }),
    )
    .withPanel(
      ranking(
        'Connections by destination',
        top(
          ['network_peer_address', 'network_peer_port', 'process_executable_path'],
          event('network.connect'),
        ),
        { about: 'Address, port and who connected.', width: 12, to: toExecutable },
      ),
    )
    .withPanel(
      ranking('DNS names', top(['dns_question_name', 'process_executable_path'], event('dns.query')), {
        about: 'Which names were asked for, and by whom.',
        width: 12,
        to: toExecutable,
      }),
    )
    .withPanel(
      ranking('Files made, by executable', top(['process_executable_path'], event('file.create')), {
        about: 'Who makes most files.',
        width: 12,
        to: toExecutable,
      }),
    )
    .withPanel(
      recordTable('Programs started', loki(records(event('process.exec'), EXECUTABLE)), {
        about: 'The newest first; the process leads to its life.',
        width: 24,
        height: 10,
        columns: { host_name: 'host', ...WHO, process_command_args: 'arguments', error_type: 'error' },
      }),
    )
    .withPanel(
      lines('All events', loki(records(...CHOSEN)), {
        about: 'Every record of the chosen hosts, events and executables.',
        width: 24,
        height: 12,
      }),
    );
