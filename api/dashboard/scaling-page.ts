import { showDuration, showRelative } from '../../core/durations.ts'
import type { ScalingPolicy } from '../../queue/domain/scaling/policy.ts'
import type { ScalingDecision, ScalingState } from '../../queue/store/scaling-table.ts'
import { freshDecisionMs } from '../../queue/use-cases/scaling-target.ts'
import type { TierStatus } from '../../queue/use-cases/tier-status.ts'
import { desiredChart } from './desired-chart.ts'
import { escapeHtml, htmlPage } from './html.ts'

export interface TierScaling {
  status: TierStatus
  policy: ScalingPolicy
  state: ScalingState | null
  /** The last few, newest first. */
  decisions: readonly ScalingDecision[]
  /** The same as numbers alone, and more of them. */
  sizes: readonly Pick<ScalingDecision, 'at' | 'from' | 'to'>[]
}

interface Viewer {
  username: string
  /** May keep a tier at a number of nodes. */
  isManager: boolean
  nowMs: number
  /** What was wrong with what the viewer just asked for. */
  problem?: string
}

const dayMs = 86_400_000

const style = `
  :root { color-scheme: light dark; font-family: system-ui, sans-serif; line-height: 1.45; }
  body { margin: 0 auto; max-width: 60rem; padding: 0 1rem 3rem; }
  header { display: flex; flex-wrap: wrap; gap: 1rem; align-items: center; padding: .75rem 0; border-bottom: 1px solid #8886; }
  header form { margin-left: auto; }
  section { padding: .5rem 0 1.5rem; border-bottom: 1px solid #8886; }
  h2 { margin: .75rem 0 .25rem; }
  dl { display: flex; flex-wrap: wrap; gap: .25rem 2rem; margin: .5rem 0; }
  dt { font-size: .8rem; opacity: .75; } dd { margin: 0; font-size: 1.3rem; font-variant-numeric: tabular-nums; }
  svg { width: 100%; max-width: 40rem; display: block; }
  table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0; }
  td { border-top: 1px solid #8884; } td:first-child, td:nth-child(2) { white-space: nowrap; }
  details td { border: 0; padding: 0 1rem 0 0; font-variant-numeric: tabular-nums; }
  .mode { font-size: .8rem; font-weight: normal; padding: .1rem .5rem; border: 1px solid; border-radius: 1rem; vertical-align: middle; }
  .dry { background: #fa03; }
  [role=alert] { padding: .6rem; border-left: .3rem solid #c33; background: #c332; }
  details table { width: auto; }
  .override { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; margin: .75rem 0; }
  input { width: 5rem; } input, button { font: inherit; padding: .2rem .5rem; }
`

/** How all tiers are scaled. It works without scripts; with them it follows what happens. */
export const scalingPage = (tiers: readonly TierScaling[], viewer: Viewer): string =>
  htmlPage(
    { title: 'Scaling', style, script: '/admin/scaling/page.js' },
    `<header>
<strong>Noodle</strong>${viewer.isManager ? '<a href="/admin/queues/">Queues</a>' : ''}<a href="/admin/scaling" aria-current="page">Scaling</a><a href="/docs">API reference</a>
<form method="post" action="/admin/logout"><button>Log out ${escapeHtml(viewer.username)}</button></form>
</header>
<main>
<h1>Scaling</h1>
${viewer.problem === undefined ? '' : `<p role="alert">${escapeHtml(viewer.problem)}</p>`}
<p role="alert" id="stale" hidden>This page is not up to date: the gateway does not answer.</p>
${tiers.map((tier) => section(tier, viewer)).join('\n')}
</main>`,
  )

function section(tier: TierScaling, viewer: Viewer): string {
  const { status, policy, state } = tier
  const name = escapeHtml(status.tier)
  return `<section id="${name}" aria-labelledby="${name}-name">
<div data-live id="${name}-now">
<h2 id="${name}-name">${name} <span class="mode${policy.mode === 'dryRun' ? ' dry' : ''}">${modeNames[policy.mode] ?? policy.mode}</span></h2>
${policy.mode === 'dryRun' ? '<p>This is what would be done; nobody acts on it.</p>' : ''}
${figures(tier)}
<p>${escapeHtml(boundsText(policy))}</p>
${standing(state, viewer.nowMs)}
${overrideStanding(tier, viewer)}
</div>
${overrideForm(tier, viewer)}
<div data-live id="${name}-past">
${desiredChart(status.tier, tier.sizes, { nowMs: viewer.nowMs, mostMs: dayMs })}
${decisionTable(tier, viewer.nowMs)}
</div>
</section>`
}

const modeNames: Record<string, string> = {
  auto: 'auto',
  queueDepth: 'queue depth',
  manual: 'by hand',
  dryRun: 'dry run',
}

function figures({ status, policy, state }: TierScaling): string {
  const { ready, starting, draining } = status.replicas
  const entries = {
    desired: state?.desired ?? '–',
    ...{ ready, starting, draining },
    'jobs waiting': status.pending + status.queued,
    'jobs running': status.running,
    'oldest wait': showDuration(status.oldestWaitMs),
    ...((policy.mode === 'auto' || policy.mode === 'dryRun') && {
      'target wait': showDuration(policy.targetWaitMs),
    }),
  }
  return `<dl>${Object.entries(entries)
    .map(([term, value]) => `<div><dt>${term}</dt><dd>${String(value)}</dd></div>`)
    .join('')}</dl>`
}

function boundsText({
  mode,
  min,
  max,
  cooldownSeconds,
  jobsPerNode,
  replicas,
  schedules,
}: ScalingPolicy): string {
  const bounds = `${String(min)} to ${String(max)} nodes`
  const pauses = `removals ${showDuration(cooldownSeconds * 1000)} apart`
  const scheduled = schedules.length === 0 ? '' : `, other bounds by ${String(schedules.length)} schedules`
  if (mode === 'manual') return `${String(replicas ?? min)} nodes, as set by hand.`
  if (mode === 'queueDepth')
    return `${bounds}${scheduled}, one for each ${String(jobsPerNode)} jobs, ${pauses}.`
  return `${bounds}${scheduled}, ${pauses} at most.`
}

/** What was decided last, and when it is no more than what was decided once. */
function standing(state: ScalingState | null, nowMs: number): string {
  if (!state?.decidedAt || state.ageMs === null)
    return '<p>Nothing was decided yet: ops decides each few seconds while it runs and SCALING_DRIVER is not none.</p>'
  const when = timeText(new Date(nowMs - state.ageMs), nowMs)
  if (state.ageMs > freshDecisionMs) return `<p role="alert">Nobody decides: the last time was ${when}.</p>`
  return `<p>${escapeHtml(state.reason ?? '')} ${inputsOf('now', state.inputs)}</p>`
}

/** The override that holds, with a way to end it. */
function overrideStanding({ status, policy }: TierScaling, { isManager, nowMs }: Viewer): string {
  if (!policy.override || policy.override.untilMs <= nowMs) return ''
  const { replicas, untilMs } = policy.override
  const told = `<strong>Override:</strong> ${String(replicas)} nodes, until ${timeText(new Date(untilMs), nowMs)}.`
  if (!isManager) return `<p>${told}</p>`
  return `<form method="post" action="${overridePath(status.tier)}/end" class="override"><span>${told}</span>
<button>End the override of ${escapeHtml(status.tier)}</button></form>`
}

/** Not brought up to date while the page is open: somebody may be typing there. */
function overrideForm({ status }: TierScaling, { isManager }: Viewer): string {
  if (!isManager) return ''
  const tier = escapeHtml(status.tier)
  return `<form method="post" action="${overridePath(status.tier)}" class="override">
<label>Keep <input name="nodes" inputmode="numeric" pattern="[0-9]{1,5}" required value="${String(status.replicas.desired)}" aria-label="Nodes of ${tier}"> nodes</label>
<label>for <input name="minutes" inputmode="numeric" pattern="[0-9]{1,5}" required value="60" aria-label="Minutes for ${tier}"> minutes</label>
<button>Override ${tier}</button>
</form>`
}

const overridePath = (tier: string): string => `/admin/scaling/${encodeURIComponent(tier)}/override`

function decisionTable({ decisions }: TierScaling, nowMs: number): string {
  if (decisions.length === 0) return ''
  const rows = decisions.map(
    ({ id, at, from, to, mode, reason, inputs }) =>
      `<tr><td>${timeText(at, nowMs)}</td><td>${String(from)} → ${String(to)}</td><td>${escapeHtml(mode === 'auto' ? '' : `${modeNames[mode] ?? mode}: `)}${escapeHtml(reason)} ${inputsOf(id, inputs)}</td></tr>`,
  )
  return `<table><caption hidden>Last changes</caption><thead><tr><th>When</th><th>Nodes</th><th>Why</th></tr></thead><tbody>${rows.join('')}</tbody></table>`
}

/** @param key by which it stays open when the page is brought up to date */
function inputsOf(key: string, inputs: Record<string, unknown> | null): string {
  const entries = Object.entries(inputs ?? {})
  if (entries.length === 0) return ''
  const rows = entries.map(
    ([name, value]) => `<tr><td>${escapeHtml(name)}</td><td>${escapeHtml(figureText(value))}</td></tr>`,
  )
  return `<details data-key="${escapeHtml(key)}"><summary>Decided by</summary><table>${rows.join('')}</table></details>`
}

const figureText = (value: unknown): string =>
  value === null ? 'not known' : typeof value === 'string' ? value : JSON.stringify(value)

const timeText = (at: Date, nowMs: number): string =>
  `<time datetime="${at.toISOString()}" title="${at.toISOString()}">${showRelative(at, nowMs)}</time>`

/** Reads the page again each 5 s and takes over what has changed; what is open stays open, and what is typed is left alone. */
export const scalingScript = `const everyMs = 5000
async function follow() {
  try {
    const answer = await fetch(location.pathname, { headers: { Accept: 'text/html' }, cache: 'no-store' })
    if (answer.redirected || answer.status === 403) return location.reload()
    if (!answer.ok) throw new Error(String(answer.status))
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html')
    for (const part of document.querySelectorAll('[data-live]')) {
      const next = fresh.getElementById(part.id)
      if (!next) continue
      const twinOf = (details) => next.querySelector('details[data-key="' + CSS.escape(details.dataset.key) + '"]')
      const focused = document.activeElement?.closest('details')
      for (const details of part.querySelectorAll('details[open]')) twinOf(details)?.setAttribute('open', '')
      const twin = focused && part.contains(focused) ? twinOf(focused) : null
      part.replaceWith(document.adoptNode(next))
      twin?.querySelector('summary').focus()
    }
    document.getElementById('stale').hidden = true
  } catch {
    document.getElementById('stale').hidden = false
  }
  setTimeout(follow, everyMs)
}
setTimeout(follow, everyMs)
`
