//! The live view: rate, times, errors and the generator's own lag.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use herbarium_loadgen::{Scenario, Stop, Verdict, View, show_nanos};
use ratatui::DefaultTerminal;
use ratatui::Frame;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Gauge, Paragraph, Sparkline};

/// Intervals that the curves show.
const KEPT: usize = 400;

/// How often keys are looked for.
const LOOK: Duration = Duration::from_millis(100);

/// The terminal is taken.
static OPEN: AtomicBool = AtomicBool::new(false);

/// Gives the terminal back, if it is taken: also for whoever ends the process.
pub(crate) fn restore() {
    if OPEN.swap(false, Ordering::SeqCst) {
        ratatui::restore();
        // Drawing hides it, and only a terminal that is dropped shows it again.
        let _ = execute!(io::stdout(), Show);
    }
}

/// The whole terminal, until it is dropped.
pub(crate) struct Screen {
    terminal: DefaultTerminal,
    picture: Picture,
    closed: Arc<AtomicBool>,
}

impl Screen {
    /// Takes the terminal. In it, Ctrl-C is a key like others: it sets `stop`, and
    /// so does `q`.
    pub(crate) fn open(scenario: &Scenario, stop: &Stop) -> io::Result<Self> {
        let terminal = ratatui::try_init()?;
        OPEN.store(true, Ordering::SeqCst);
        let closed = Arc::new(AtomicBool::new(false));
        listen(stop.clone(), Arc::clone(&closed));
        Ok(Self { terminal, picture: Picture::new(&scenario.name), closed })
    }

    /// The newest interval.
    pub(crate) fn draw(&mut self, view: &View<'_>) {
        self.picture.add(view);
        let Self { terminal, picture, .. } = self;
        // A view that cannot be drawn is no reason to end a run.
        let _ = terminal.draw(|frame| render(frame, picture));
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        restore();
    }
}

/// What is drawn, whatever it is drawn on.
#[derive(Default)]
struct Picture {
    title: String,
    progress: f64,
    stage: String,
    lines: Vec<String>,
    rates: Vec<u64>,
    p99s: Vec<u64>,
    lags: Vec<u64>,
}

impl Picture {
    fn new(name: &str) -> Self {
        Self { title: format!(" {name} "), ..Self::default() }
    }

    fn add(&mut self, view: &View<'_>) {
        let slot = view.slot;
        let micros = |time: Option<Duration>| time.map_or(0, |it| it.as_micros() as u64);
        push(&mut self.rates, (slot.requests as f64 / view.interval.as_secs_f64()) as u64);
        push(&mut self.p99s, micros(slot.response.percentile(99.0)));
        push(&mut self.lags, micros(slot.lag.percentile(99.0)));
        self.progress = (view.at.as_secs_f64() / view.length.as_secs_f64().max(1e-9)).min(1.0);
        view.stage.clone_into(&mut self.stage);
        self.lines = lines(view);
    }
}

fn push(values: &mut Vec<u64>, value: u64) {
    if values.len() == KEPT {
        values.remove(0);
    }
    values.push(value);
}

/// Keys, on a thread of their own, while the screen is open.
fn listen(stop: Stop, closed: Arc<AtomicBool>) {
    std::thread::spawn(move || {
        while !closed.load(Ordering::SeqCst) {
            match event::poll(LOOK) {
                Ok(true) => {}
                Ok(false) => continue,
                // A terminal without keys says so at once, again and again.
                Err(_) => {
                    std::thread::sleep(LOOK);
                    continue;
                }
            }
            if let Ok(Event::Key(key)) = event::read() {
                let is_ctrl_c =
                    key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
                if is_ctrl_c && stop.is_set() {
                    restore();
                    std::process::exit(Verdict::Interrupted.exit_code().into());
                }
                if is_ctrl_c || key.code == KeyCode::Char('q') {
                    stop.set();
                }
            }
        }
    });
}

fn lines(view: &View<'_>) -> Vec<String> {
    let slot = view.slot;
    let show = |buckets: &herbarium_loadgen::timeline::Buckets| {
        let at = |percent| {
            let time = buckets.percentile(percent);
            time.map_or("-".to_owned(), |it| show_nanos(it.as_nanos() as f64))
        };
        format!(
            "p50 {:>9}  p90 {:>9}  p99 {:>9}  max {:>9}",
            at(50.0),
            at(90.0),
            at(99.0),
            at(100.0)
        )
    };
    let whole = view.whole;
    let faults: Vec<String> =
        whole.faults().iter().map(|(fault, count)| format!("{fault} {count}")).collect();
    vec![
        format!("response   {}", show(&slot.response)),
        format!("service    {}", show(&slot.service)),
        format!("own lag    {}", show(&slot.lag)),
        format!(
            "requests   {} done of {} due, {} under way, {} connections",
            whole.requests(),
            whole.due,
            slot.in_flight,
            slot.open
        ),
        format!(
            "errors     {}",
            if faults.is_empty() { "none".to_owned() } else { faults.join(", ") }
        ),
        format!(
            "generator  {:.0}% of a core, {} late, {} dropped",
            slot.cpu * 100.0,
            whole.late,
            whole.dropped
        ),
    ]
}

fn render(frame: &mut Frame<'_>, picture: &Picture) {
    let [top, middle, rates, times, lags, foot] = Layout::vertical([
        Constraint::Length(3),
        Constraint::Length(8),
        Constraint::Fill(1),
        Constraint::Fill(1),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let gauge = Gauge::default()
        .block(Block::bordered().title(picture.title.as_str()))
        .gauge_style(Style::new().fg(Color::Cyan))
        .ratio(picture.progress)
        .label(picture.stage.as_str());
    frame.render_widget(gauge, top);
    let text: Vec<Line<'_>> = picture.lines.iter().map(|line| Line::from(line.as_str())).collect();
    frame.render_widget(Paragraph::new(text).block(Block::bordered()), middle);
    let Picture { rates: rate, p99s: p99, lags: lag, .. } = picture;
    let latest = |values: &Vec<u64>| values.last().copied().unwrap_or(0);
    curve(frame, rates, &format!(" requests a second: {} ", latest(rate)), rate, Color::Green);
    let micros = |value: u64| show_nanos(value as f64 * 1e3);
    curve(frame, times, &format!(" response p99: {} ", micros(latest(p99))), p99, Color::Yellow);
    curve(frame, lags, &format!(" own lag p99: {} ", micros(latest(lag))), lag, Color::Magenta);
    frame.render_widget(Paragraph::new(" q or Ctrl-C: end, with a report"), foot);
}

/// The newest values that fit.
fn curve(frame: &mut Frame<'_>, area: Rect, title: &str, values: &[u64], color: Color) {
    let width = usize::from(area.width.saturating_sub(2));
    let shown = &values[values.len().saturating_sub(width)..];
    let line = Sparkline::default()
        .block(Block::bordered().title(title))
        .data(shown)
        .style(Style::new().fg(color));
    frame.render_widget(line, area);
}

#[cfg(test)]
mod tests {
    use herbarium_loadgen::outcome::Fault;
    use herbarium_loadgen::record::{Recorder, Sample, Tally};
    use herbarium_loadgen::timeline::Slot;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    /// Ten requests in two seconds, each of which waited 3 ms and then took 7; one failed.
    fn tally() -> Tally {
        let mut recorder = Recorder::new(Duration::from_millis(50));
        for number in 0..10 {
            recorder.record(&Sample {
                stage: 0,
                flow: 0,
                response: Duration::from_millis(10),
                service: Some(Duration::from_millis(7)),
                wait: Duration::from_millis(3),
                lag: Duration::from_millis(2),
                status: if number == 0 { 503 } else { 200 },
                fault: (number == 0).then_some(Fault::Status5xx),
                bytes: 5,
            });
        }
        let counters = recorder.counters();
        counters.due = 12;
        let mut tally = recorder.take(0, None);
        (tally.open, tally.in_flight, tally.cpu) = (4, 2, 0.25);
        tally
    }

    fn drawn(width: u16, height: u16) -> String {
        let tally = tally();
        let view = View {
            at: Duration::from_secs(2),
            length: Duration::from_secs(8),
            interval: Duration::from_secs(2),
            stage: "climb",
            slot: &Slot::of(&tally),
            tally: &tally,
            whole: &tally,
        };
        let mut picture = Picture::new("lookups");
        picture.add(&view);
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| render(frame, &picture)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn rate_latency_errors_and_lag_are_drawn() {
        let screen = drawn(100, 30);
        for text in [
            " lookups ",
            "climb",
            "requests a second: 5 ",
            "response p99: 10",
            "own lag p99: 2",
            "10 done of 12 due, 2 under way, 4 connections",
            "errors     status5xx 1",
            "generator  25% of a core, 0 late, 0 dropped",
            "q or Ctrl-C: end, with a report",
        ] {
            assert!(screen.contains(text), "{text}\n{screen}");
        }
        let line = |start: &str| {
            let line = screen.lines().find(|line| line.contains(start));
            line.unwrap_or_default().to_owned()
        };
        assert!(line("response   ").contains("p50") && line("response   ").contains("10"));
        assert!(line("service    ").contains("7."), "{screen}");
        assert!(screen.contains('█'), "{screen}");
    }

    #[test]
    fn no_terminal_is_too_small_to_be_drawn_on() {
        for (width, height) in [(1, 1), (10, 3), (80, 9), (300, 100)] {
            drawn(width, height);
        }
    }

    #[test]
    fn curves_keep_the_newest_values() {
        let mut values = Vec::new();
        (0..=KEPT as u64).for_each(|value| push(&mut values, value));
        assert_eq!((values.len(), values.first(), values.last()), (KEPT, Some(&1), Some(&400)));
    }
}
