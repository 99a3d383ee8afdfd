// Pictures and films, drawn as what they are: a part of the playground's script, put into the page when it is asked for.

const live = () => $('stream').textContent === 'Stop'

function shot(title, paint, ...controls) {
  const canvas = el('canvas'), range = el('span')
  canvas.setAttribute('role', 'img')
  const figure = el('figure', WIDE, el('figcaption', {}, el('b', {}, title), range), canvas, ...controls)
  return { canvas, range, title, paint, figure }
}

const pictures = () => shot('Pictures', panel => {
  const { sequences } = shown, wide = spec.channels.length, tall = Math.max(1, ...sequences.map(s => s.length))
  sheet(panel, sequences, wide, tall, fit(panel, wide, sequences.length))
  say(panel, plural(sequences.length, 'picture'), `${tall} by ${wide} pixels`)
})

/** All films at once, frame after frame; what streams in is shown as it comes. */
function played() {
  const pace = el('button', { type: 'button', style: 'flex: 0 0 5.5rem' }), at = el('input', { type: 'range', min: 0, ariaLabel: 'Frame' })
  let timer
  const most = () => Math.max(1, ...shown.sequences.map(s => s.length))
  const going = on => {
    clearInterval(timer)
    timer = on && setInterval(() => {
      if (!pace.isConnected) return clearInterval(timer)
      shown.frame = (shown.frame + 1) % most()
      redraw()
    }, FRAME)
    pace.textContent = on ? 'Pause' : 'Play'
  }
  pace.onclick = () => going(pace.textContent === 'Play')
  at.oninput = () => { going(false); shown.frame = Number(at.value); redraw() }
  going(!matchMedia('(prefers-reduced-motion: reduce)').matches)
  return shot('Films', panel => {
    const { sequences, start } = shown, [tall, wide] = spec.frame, frame = live() ? most() - 1 : Math.min(shown.frame, most() - 1)
    Object.assign(at, { max: most() - 1, value: frame })
    sheet(panel, sequences.map(s => lined(s[frame])), wide, tall, fit(panel, wide, sequences.length))
    say(panel, plural(sequences.length, 'film'), `frame ${number(start + frame + 1)} of ${number(start + most())}`)
  }, el('div', { className: 'row', style: 'flex-wrap: nowrap; margin-top: .5rem' }, pace, at))
}

const sideBySide = () => shot('Frame beside frame', panel => {
  const { sequences, start } = shown, [tall, wide] = spec.frame, films = sequences.slice(0, BANDS)
  const most = Math.max(1, ...films.map(s => s.length)), across = Math.min(most, Math.max(1, Math.floor(panel.figure.clientWidth / (3 * (wide + 1)))))
  const from = Math.min(live() ? most : shown.frame, most - across)
  sheet(panel, films.flatMap(s => Array.from({ length: across }, (_, i) => lined(s[from + i]))), wide, tall, across)
  say(panel, `frames ${number(start + from + 1)} to ${number(start + from + across)}`, ...(sequences.length > BANDS ? [`the first ${BANDS} films`] : []))
})

/** A frame's pixels as rows of them; none behind the end of a film. */
const lined = pixels => !pixels ? [] : Array.from({ length: spec.frame[0] }, (_, y) => pixels.slice(y * spec.frame[1], (y + 1) * spec.frame[1]))

/** How many pictures stand side by side, each pixel six wide. */
const fit = ({ figure }, wide, count) => Math.max(1, Math.min(count, Math.floor(figure.clientWidth / (6 * (wide + 1)))))

function say({ canvas, range, title }, ...parts) {
  range.textContent = parts.join(', ')
  canvas.setAttribute('aria-label', `${title}: ${range.textContent}`)
}

/** Pictures, each rows of values, side by side and a pixel apart: as dark as the data's, or black is the least value that the model can make, and white the largest. */
function sheet({ canvas, figure }, all, wide, tall, across) {
  const shades = spec.channels[0].unit === 'shade'
  const low = shades ? 0 : Math.min(...spec.channels.map(c => c.low)), span = shades ? 255 : Math.max(...spec.channels.map(c => c.high)) - low || 1
  const columns = across * (wide + 1) - 1, rows = Math.ceil(all.length / across) * (tall + 1) - 1
  const pixel = Math.min(10, (figure.clientWidth - 28) / columns, Math.max(2, 640 / rows)), whole = pixel < 1 ? pixel : Math.floor(pixel * devicePixelRatio) / devicePixelRatio
  const image = new ImageData(columns, rows)
  all.forEach((picture, i) => picture.forEach((row, y) => row.forEach((value, x) => {
    const place = 4 * ((Math.floor(i / across) * (tall + 1) + y) * columns + (i % across) * (wide + 1) + x)
    image.data.fill(255 * Math.min(1, Math.max(0, ((value ?? low) - low) / span)), place, place + 3)
    image.data[place + 3] = 255
  })))
  Object.assign(canvas, { width: columns, height: rows }).getContext('2d').putImageData(image, 0, 0)
  Object.assign(canvas.style, { width: `${columns * whole}px`, height: `${rows * whole}px`, imageRendering: 'pixelated' })
}
